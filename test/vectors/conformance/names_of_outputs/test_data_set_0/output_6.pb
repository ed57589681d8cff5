
Bdims*î