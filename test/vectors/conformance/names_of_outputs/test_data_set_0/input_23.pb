
Binput 23*ÿ