package main

// named are the streams of STATISTICS 3.1.
var named = map[string]newTraffic{
	"iid":       func() traffic { return iid{} },
	"ar0.5":     func() traffic { return &ar{phi: .5} },
	"ar0.9":     func() traffic { return &ar{phi: .9} },
	"sess20":    func() traffic { return sessions{20} },
	"sessheavy": func() traffic { return heavySessions{} },
	"wre.1":     func() traffic { return &wobble{tau: .1} },
	"wre.1ar.8": func() traffic { return &wobble{tau: .1, phi: .8} },
}

// month are the 30 columns of STATISTICS 4.2.
func month() (out []column) {
	for _, of := range []struct {
		stream string
		k      int
	}{{"iid", 8}, {"ar0.5", 8}, {"ar0.9", 3}, {"sess20", 5}, {"wre.1", 4}, {"wre.1ar.8", 2}} {
		for _, c := range copies(of.k, named[of.stream]) {
			c.name = of.stream + "-" + c.name
			out = append(out, c)
		}
	}
	return out
}
