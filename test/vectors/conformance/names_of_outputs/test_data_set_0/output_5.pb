
Bdata*í