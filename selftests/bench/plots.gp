# SPDX-License-Identifier: GPL-2.0-only
#
# The plots of one kernel, in one format. Variables: folder (where data is and
# plots go), kernel, format (svg or png).

if (format eq "svg") {
	set terminal svg size 900,560 font "sans,13" background "white"
} else {
	set terminal pngcairo size 900,560 font "sans,11"
}
file(name) = folder . "/" . name . "." . format
data(name) = folder . "/" . name . ".dat"

set grid back lt 1 lw 1 lc rgb "#d0d0d0"
set border 3
set tics nomirror
set key top left

ours = "#0b6fa4"
same = "#d98200"
tree = "#b3261e"

set output file("caller")
set title "Free of a domain full of 4 KiB pages: time in the caller (Linux " . kernel . ", 1 CPU)"
set xlabel "size of the domain"
set ylabel "instructions"
set logscale x 2
set logscale y 10
set format y "10^{%L}"
set xtics ("2 MiB" 2**21, "64 MiB" 2**26, "1 GiB" 2**30, "4 GiB" 2**32, "64 GiB" 2**36, "512 GiB" 2**39)
plot data("caller-intree") using 1:2 with linespoints lw 2 pt 7 lc rgb tree title "in-tree", \
     data("caller-deferred0") using 1:2 with linespoints lw 2 pt 5 lc rgb same title "deferred=0", \
     data("caller-deferred") using 1:2 with linespoints lw 2 pt 9 lc rgb ours title "deferred"

set output file("wake")
set title "Wake-up delay of a real-time task while a full 4 GiB domain is freed (Linux " . kernel . ", 1 CPU)"
set xlabel "1000 instructions since the free began"
set ylabel "delay in instructions"
unset logscale x
set xtics auto
set xtics nomirror
set format x "%g"
set key top right
plot data("wake-intree") using ($1 / 1000):2 with points pt 7 ps 0.8 lc rgb tree title "in-tree", \
     data("wake-deferred0") using ($1 / 1000):2 with points pt 5 ps 0.8 lc rgb same title "deferred=0", \
     data("wake-deferred") using ($1 / 1000):2 with points pt 9 ps 0.8 lc rgb ours title "deferred"

set output file("batches")
set title "Length of batches of all teardowns, 2 MiB to 512 GiB (Linux " . kernel . ", 1 CPU)"
set xlabel "instructions, up to"
set ylabel "batches"
set style fill solid 0.85 border lc rgb "white"
set boxwidth 0.42
set xtics rotate by -35 scale 0
set format y "%g"
set yrange [0.5:*]
set logscale y 10
set key top left
plot data("batches-deferred") using ($0 - 0.21):2:xtic(1) with boxes lc rgb ours title "deferred", \
     data("batches-deferred0") using ($0 + 0.21):2 with boxes lc rgb same title "deferred=0"
