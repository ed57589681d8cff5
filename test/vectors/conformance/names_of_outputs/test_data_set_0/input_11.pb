
Binput 11*ó