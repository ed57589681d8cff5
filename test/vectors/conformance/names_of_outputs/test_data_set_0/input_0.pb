
Binput 0*è