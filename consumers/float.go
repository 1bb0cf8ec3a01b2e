package consumers

import (
	"math"
	"math/big"
	"math/bits"
)

// fastFloat is mant * 10^exp, correctly rounded, or false where it cannot tell.
//
// Lemire, Number parsing at a gigabyte per second (2021), section 5 (Eisel and
// Lemire): the mantissa times a 128-bit power of ten; the product decides the
// rounding in all but a few cases, which are left to the library. The table of
// powers is computed at start from its definition instead of being written out.
func fastFloat(mant uint64, exp int, neg bool) (float64, bool) {
	if mant == 0 {
		if neg {
			return math.Copysign(0, -1), true
		}
		return 0, true
	}
	if mant < 1<<53 && exp >= -22 && exp <= 22 {
		x := float64(mant)
		if neg {
			x = -x
		}
		if exp < 0 {
			return x / exactTen[-exp], true
		}
		return x * exactTen[exp], true
	}
	if exp < minPower || exp > maxPower {
		return 0, false
	}
	lz := bits.LeadingZeros64(mant)
	mant <<= lz
	p := &powers[exp-minPower]
	hi, lo := bits.Mul64(mant, p.hi)
	if hi&0x1FF == 0x1FF && lo+mant < mant {
		h2, l2 := bits.Mul64(mant, p.lo)
		mid, carry := bits.Add64(lo, h2, 0)
		hi += carry
		if mid+1 == 0 && hi&0x1FF == 0x1FF && l2+mant < mant {
			return 0, false
		}
		lo = mid
	}
	msb := hi >> 63
	m := hi >> (msb + 9)
	if lo == 0 && hi&0x1FF == 0 && m&3 == 1 {
		return 0, false // exactly half way, as far as 128 bits tell
	}
	m = (m + m&1) >> 1
	e := uint64(217706*exp>>16+64+1023) - uint64(lz) - (1 ^ msb)
	if m>>53 > 0 {
		m >>= 1
		e++
	}
	if e-1 >= 0x7FF-1 {
		return 0, false // subnormal or too large
	}
	u := e<<52 | m&(1<<52-1)
	if neg {
		u |= 1 << 63
	}
	return math.Float64frombits(u), true
}

const minPower, maxPower = -348, 347

var exactTen = [...]float64{1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22}

type power struct{ hi, lo uint64 }

// powers[e-minPower] are the top 128 bits of 10^e, normalised, rounded down.
var powers = makePowers()

func makePowers() []power {
	t := make([]power, maxPower-minPower+1)
	one, ten := big.NewInt(1), big.NewInt(10)
	mask := new(big.Int).SetUint64(math.MaxUint64)
	pow, x := big.NewInt(1), new(big.Int)
	put := func(e int) {
		p := &t[e-minPower]
		p.lo = new(big.Int).And(x, mask).Uint64()
		p.hi = new(big.Int).Rsh(x, 64).Uint64()
	}
	for e := 0; e <= -minPower; e++ {
		if e <= maxPower {
			if n := pow.BitLen(); n <= 128 {
				x.Lsh(pow, uint(128-n))
			} else {
				x.Rsh(pow, uint(n-128))
			}
			put(e)
		}
		if e > 0 {
			// floor(2^k / 10^e) with 128 bits; the quotient is never exact.
			x.Div(new(big.Int).Lsh(one, uint(pow.BitLen()+127)), pow)
			if x.BitLen() > 128 {
				x.Rsh(x, uint(x.BitLen()-128))
			}
			put(-e)
		}
		pow.Mul(pow, ten)
	}
	return t
}
