
Binput 19*û