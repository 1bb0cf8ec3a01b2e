package driftd

import (
	"math"
	"math/bits"
)

// sketchAdd puts a hash into HyperLogLog registers (Flajolet, Fusy, Gandouet,
// Meunier, HyperLogLog, 2007): the register is chosen by the top 8 bits and
// keeps the largest rank of the first 1 among the rest. A maximum merges exactly.
func sketchAdd(reg []byte, hash uint64) {
	rank := byte(bits.LeadingZeros64(hash<<8|1<<7)) + 1
	if i := hash >> 56; reg[i] < rank {
		reg[i] = rank
	}
}

// SketchCount estimates how many distinct hashes were added, standard error
// 1.04/sqrt(256) = 6.5 %; small counts by linear counting, as the paper has it.
func SketchCount(reg []byte) float64 {
	if len(reg) == 0 {
		return 0
	}
	m := float64(len(reg))
	sum, zeros := 0.0, 0
	for _, r := range reg {
		sum += math.Exp2(-float64(r))
		if r == 0 {
			zeros++
		}
	}
	e := 0.7213 / (1 + 1.079/m) * m * m / sum
	if e <= 2.5*m && zeros > 0 {
		return m * math.Log(m/float64(zeros))
	}
	return e
}
