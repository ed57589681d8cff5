
Binput 17*ù