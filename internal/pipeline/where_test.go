package pipeline

import "testing"

func TestTagOf(t *testing.T) {
	for segment, want := range map[string]string{
		"country=DE": "country", "country=other": "country", "country=DE,device=ios": "country,device", "country,device=other": "country,device", "a=1,b=2,c=3": "a,b,c", "country=": "country",
	} {
		if got := tagOf(segment); got != want {
			t.Errorf("%s is of %s, want %s", segment, got, want)
		}
	}
}
