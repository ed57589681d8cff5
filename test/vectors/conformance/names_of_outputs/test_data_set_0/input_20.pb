
Binput 20*ü