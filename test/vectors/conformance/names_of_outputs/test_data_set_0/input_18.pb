
Binput 18*ú