
Binput 15*÷