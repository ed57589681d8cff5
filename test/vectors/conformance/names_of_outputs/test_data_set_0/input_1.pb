
Binput 1*é