
Bquote " and \ and 
*÷