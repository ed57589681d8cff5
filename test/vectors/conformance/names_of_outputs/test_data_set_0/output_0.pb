
B	__proto__*è