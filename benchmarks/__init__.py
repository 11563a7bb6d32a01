"""What the program is for, measured; each figure beside a baseline taken in the same run on the same machine."""
