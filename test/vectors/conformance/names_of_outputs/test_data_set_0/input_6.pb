
Binput 6*î