"""The only place where points exist: accounts, postings, lots, holds, statements, verification."""
