
Binput 16*ø