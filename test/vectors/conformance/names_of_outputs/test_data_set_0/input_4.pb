
Binput 4*ì