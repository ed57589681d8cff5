
Bpart_2*,E