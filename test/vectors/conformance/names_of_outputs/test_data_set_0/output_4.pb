
Blength*ì