
B leading and trailing *ó