"""Methods and keywords of ufuncs on traced values."""
