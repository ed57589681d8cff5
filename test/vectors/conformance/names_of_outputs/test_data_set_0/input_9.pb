
Binput 9*ñ