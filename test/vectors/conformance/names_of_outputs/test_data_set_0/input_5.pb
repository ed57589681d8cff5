
Binput 5*í