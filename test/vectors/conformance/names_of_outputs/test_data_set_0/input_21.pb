
Binput 21*ı