
Binput 25*