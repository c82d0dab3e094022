# What all pictures of the course share. The output is set before this file is read.
set terminal svg size 760,400 font 'sans,12' background '#ffffff'
set border 3 lc rgb '#555555'
set tics nomirror out textcolor rgb '#333333'
set grid lc rgb '#e4e4e4' lt 1
set datafile commentschars '#'
blue = '#1f6fb4'; red = '#c8442f'; green = '#3a8a3a'; orange = '#d98a00'; purple = '#7b52a8'; grey = '#8a8a8a'
