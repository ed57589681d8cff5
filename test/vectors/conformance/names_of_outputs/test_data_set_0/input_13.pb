
Binput 13*õ