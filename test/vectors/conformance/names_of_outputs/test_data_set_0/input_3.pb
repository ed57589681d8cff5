
Binput 3*ë