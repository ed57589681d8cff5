
Binput 22*ş