
BtoString*ê