"""The datasets: TEdBench, a folder of one's own, and Picturebook."""
