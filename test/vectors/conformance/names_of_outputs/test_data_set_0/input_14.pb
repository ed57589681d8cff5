
Binput 14*ö