
Binput 2*ê