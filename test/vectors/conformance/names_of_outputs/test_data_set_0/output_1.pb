
Bconstructor*é