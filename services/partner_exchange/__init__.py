"""Partner exchange: partners of a coalition, rate books, quotes, exchanges, and what they owe each other."""
