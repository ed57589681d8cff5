
Binput 7*ï