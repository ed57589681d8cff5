
Binput 12*ô