"""The operators, one file a family. To add one: write a decorated function, add it to the family's test, remake
OPERATORS.md."""
