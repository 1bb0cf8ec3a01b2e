package compare

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/internal/rows"
)

var update = flag.Bool("update", false, "write the golden files anew")

var opt = Options{Rows: rows.Options{Model: "model"}}

func write(t testing.TB, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// table is n rows of five columns; what moves is given.
func table(rng *rand.Rand, n int, shift, de, nulls float64) string {
	var b strings.Builder
	b.WriteString("amount,age,country,flag,skewed\n")
	for range n {
		amount := fmt.Sprintf("%.3f", 50+10*(rng.NormFloat64()+shift))
		if rng.Float64() < nulls {
			amount = ""
		}
		country := "FR"
		if x := rng.Float64(); x < de {
			country = "DE"
		} else if x > .9 {
			country = "US"
		}
		fmt.Fprintf(&b, "%s,%d,%s,%v,%.3f\n", amount, 18+rng.IntN(60), country, rng.Float64() < .3, math.Exp(rng.NormFloat64()))
	}
	return b.String()
}

func files(t testing.TB, ref, cur string) *Report {
	t.Helper()
	r, err := Files(write(t, "ref.csv", ref), write(t, "cur.csv", cur), opt)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *Report) column(name string) *Column {
	for i := range r.Columns {
		if r.Columns[i].Name == name {
			return &r.Columns[i]
		}
	}
	return nil
}

// Where nothing has changed hardly any comparison finds drift, small files and
// large ones.
func TestNothingChanged(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	drifted, runs := 0, 0
	for _, n := range []int{100, 400, 3000} {
		for range 40 {
			runs++
			if r := files(t, table(rng, n, 0, .4, .02), table(rng, n, 0, .4, .02)); r.Drifted > 0 {
				drifted++
				t.Log(r.Sentence(), r.Columns[0].Name, r.Columns[0].Moved)
			}
		}
	}
	// 5 % promised; 99.9 % of binomial counts are at or below 14.
	if drifted > 14 {
		t.Errorf("%d of %d comparisons of the same traffic found drift, at a level of 5 %%", drifted, runs)
	}
}

func TestWhatChanged(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	r := files(t, table(rng, 4000, 0, .4, .02), table(rng, 4000, .5, .55, .02))
	for name, moved := range map[string]string{"amount": "location +0.", "country": "DE"} {
		if c := r.column(name); c.Verdict != driftd.Drift || !strings.Contains(c.Moved, moved) {
			t.Errorf("%s: %s, %q", name, c.Verdict, c.Moved)
		}
	}
	for _, name := range []string{"age", "flag", "skewed"} {
		if c := r.column(name); c.Verdict != driftd.OK || c.Moved != "" {
			t.Errorf("%s: %s, %q", name, c.Verdict, c.Moved)
		}
	}
	if r.Drifted != 2 || r.Columns[0].Name != "amount" || r.Sentence() != "2 of 5 columns drifted." {
		t.Errorf("%s; first %s", r.Sentence(), r.Columns[0].Name)
	}
	if r := files(t, table(rng, 4000, 0, .4, .02), table(rng, 4000, 0, .4, .2)); r.Drifted != 1 || !strings.HasPrefix(r.column("amount").Moved, "nulls 2.") {
		t.Errorf("nulls: %s %q", r.Sentence(), r.column("amount").Moved)
	}
	// A difference that is sure and too small: not drift, and it says so.
	if r := files(t, table(rng, 60_000, 0, .4, .02), table(rng, 60_000, .08, .4, .02)); r.Drifted != 0 || !r.column("amount").SmallDifference || r.Sentence() != "None of 5 columns drifted; 1 changed too little to matter." {
		t.Errorf("a small difference: %s", r.Sentence())
	}
}

// Columns that only one side has, ids, and files with nothing in common.
func TestColumnsThatAreNotCompared(t *testing.T) {
	var ref, cur strings.Builder
	ref.WriteString("id,x,old\n")
	cur.WriteString("id,x,new\n")
	for i := range 200 {
		fmt.Fprintf(&ref, "%d,%d,1\n", i, i%7)
		fmt.Fprintf(&cur, "%d,%d,1\n", 1000+i, i%7)
	}
	r := files(t, ref.String(), cur.String())
	for name, want := range map[string]driftd.Verdict{"id": LeftOut, "old": Gone, "new": Added, "x": driftd.OK} {
		if c := r.column(name); c == nil || c.Verdict != want {
			t.Errorf("%s: %+v, want %s", name, c, want)
		}
	}
	if r.Drifted != 1 || r.Sentence() != "None of 1 column drifted; 1 column gone." {
		t.Errorf("%d: %s", r.Drifted, r.Sentence())
	}
	for name, c := range map[string]struct{ ref, cur, want string }{
		"nothing in common": {"a\n1\n", "b\n1\n", "no column is in both files (a; b)"},
		"no rows":           {"a\n", "a\n1\n", "has no row"},
		"empty":             {"", "a\n1\n", "empty"},
	} {
		_, err := Files(write(t, "ref.csv", c.ref), write(t, "cur.csv", c.cur), opt)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	if _, err := Files("nope.csv", "nope.csv", opt); err == nil || !strings.Contains(err.Error(), "nope.csv") {
		t.Errorf("a file that is not there: %v", err)
	}
}

// Whatever stands in two files, numbers are numbers or null, and both writers
// come to their end.
func TestPoorColumns(t *testing.T) {
	kinds := map[string]func(i int) string{
		"empty": func(int) string { return "" }, "one": func(int) string { return "7" }, "level": func(int) string { return "a" }, "two": func(i int) string { return fmt.Sprint(i % 2) },
		"huge": func(i int) string { return []string{"1e308", "-1e308", "1e400"}[i%3] }, "tiny": func(i int) string { return []string{"5e-324", "-0", "0"}[i%3] },
		"words": func(i int) string { return []string{"NaN", "inf", "-inf", "3"}[i%4] }, "mixed": func(i int) string { return []string{"x", "1", "true", ""}[i%4] },
		"numbers": func(i int) string { return fmt.Sprint(float64(i) * 1.7) }, "ids": func(i int) string { return fmt.Sprintf("u%d", i*7919) },
		"markup": func(i int) string { return []string{"<script>alert(1)</script>", `"" onload=x`, "&amp;", "🙂"}[i%4] },
	}
	for a, ref := range kinds {
		for b, cur := range kinds {
			for _, n := range []int{1, 2, 60} {
				var x, y strings.Builder
				x.WriteString("c,other\n")
				y.WriteString("c,other\n")
				for i := range n {
					fmt.Fprintf(&x, "%s,%d\n", quote(ref(i)), i%5)
					fmt.Fprintf(&y, "%s,%d\n", quote(cur(i)), i%5)
				}
				r := files(t, x.String(), y.String())
				var page, text bytes.Buffer
				if err := r.HTML(&page); err != nil {
					t.Fatalf("%s %s %d: %v", a, b, n, err)
				}
				if err := r.Print(&text, true); err != nil {
					t.Fatal(err)
				}
				j, err := json.Marshal(r)
				if err != nil || bytes.Contains(j, []byte("Inf")) || bytes.Contains(j, []byte("NaN\"")) {
					t.Fatalf("%s %s %d: %v", a, b, n, err)
				}
				for _, bad := range []string{"<td>NaN", "<td>+Inf", "<script"} {
					if strings.Contains(page.String(), bad) {
						t.Fatalf("%s %s %d: the page has %q", a, b, n, bad)
					}
				}
				if n < 50 && r.Drifted > 0 {
					t.Errorf("%s %s: drift from %d rows", a, b, n)
				}
			}
		}
	}
}

func quote(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }

// The page is one file that asks for nothing: no script, no address but the
// namespace that svg does not even need.
func TestPage(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	ref := table(rng, 1000, 0, .4, .02)
	cur := strings.Replace(table(rng, 1000, .5, .55, .02), "skewed", "<b>'é", 1)
	r := files(t, ref, cur)
	var page bytes.Buffer
	if err := r.HTML(&page); err != nil {
		t.Fatal(err)
	}
	s := page.String()
	for _, bad := range []string{"http:", "https:", "<script", "src=", "@import", "url(", "<b>"} {
		if strings.Contains(s, bad) {
			t.Errorf("the page has %s", bad)
		}
	}
	for _, want := range []string{`<html lang="en">`, `role="img"`, `<th scope="row">`, "<main>", "prefers-color-scheme", "@media print", "stroke-dasharray", "2 of 4 columns drifted; 1 column gone."} {
		if !strings.Contains(s, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	if n, m := strings.Count(s, "<title id="), strings.Count(s, "<svg viewBox=\"0 0 640"); n != m || n != 4 {
		t.Errorf("%d pictures, %d titles", m, n)
	}
	golden := filepath.Join("testdata", "page.html")
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(golden, page.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(want, page.Bytes()) {
		t.Errorf("the page is not that of %s: look at it, and run go test ./internal/compare -update", golden)
	}
}

// More rows than are sampled: the verdict is of all of them, and it is said.
func TestManyRows(t *testing.T) {
	var b strings.Builder
	b.WriteString("x\n")
	rng := rand.New(rand.NewPCG(4, 4))
	for range MaxSample + 5000 {
		fmt.Fprintf(&b, "%.3f\n", rng.NormFloat64())
	}
	r := files(t, b.String(), b.String())
	c := r.column("x")
	if r.Drifted != 0 || c.Rows[0].Rows != MaxSample+5000 || len(r.Notes) != 1 {
		t.Errorf("%s %+v %v", r.Sentence(), c.Rows, r.Notes)
	}
	if ks := c.TwoSided[0]; ks.Name != "ks" || float64(ks.PValue) < .001 {
		t.Errorf("ks of two samples of the same file: %+v", ks)
	}
}
