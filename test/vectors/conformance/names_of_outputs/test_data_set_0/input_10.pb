
Binput 10*ò