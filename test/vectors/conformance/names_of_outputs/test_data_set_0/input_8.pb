
Binput 8*ğ