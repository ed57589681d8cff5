
Binput 24*€