"""What the notebook `explore_readings` needs beside its queries and plots: units, and a slider for its threshold."""
