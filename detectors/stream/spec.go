package stream

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Spec is a method with its settings.
type Spec struct {
	Method *Method
	values values
}

// FindMethod looks a method up by its name; nil when there is none.
func FindMethod(name string) *Method {
	for i := range Methods {
		if Methods[i].Name == name {
			return &Methods[i]
		}
	}
	return nil
}

// MethodNames are all methods that take windows' numbers, in their order.
func MethodNames() (names []string) {
	for i := range Methods {
		if !Methods[i].Events {
			names = append(names, Methods[i].Name)
		}
	}
	return names
}

// NewSpec is a method with its defaults.
func NewSpec(m *Method) Spec {
	s := Spec{m, values{}}
	for _, p := range m.Params {
		s.values[p.Name] = p.Default
	}
	return s
}

// Param looks a setting up by its name; nil when there is none.
func (m *Method) Param(name string) *Param {
	if i := slices.IndexFunc(m.Params, func(p Param) bool { return p.Name == name }); i >= 0 {
		return &m.Params[i]
	}
	return nil
}

// Wants says what a setting's value must be.
func (p *Param) Wants() string {
	if p.Words != nil {
		return "one of " + strings.Join(p.Words, ", ")
	}
	kind, from := "a number", "from "
	if p.Whole {
		kind = "a whole number"
	}
	if p.Above {
		from = "above "
	}
	if p.Most == MaxValue {
		return kind
	}
	return kind + " " + from + number(p.Least) + " to " + number(p.Most)
}

// Read takes a setting's value as text: a number, or one of its words.
func (p *Param) Read(text string) (float64, bool) {
	if p.Words != nil {
		i := slices.Index(p.Words, text)
		return float64(i), i >= 0
	}
	x, err := strconv.ParseFloat(strings.ReplaceAll(text, "_", ""), 64)
	good := err == nil && x <= p.Most && (x > p.Least || x == p.Least && !p.Above) && (!p.Whole || x == math.Trunc(x))
	return x, good
}

// Text is what Read reads.
func (p *Param) Text(x float64) string {
	if p.Words != nil {
		return p.Words[int(x)]
	}
	return strconv.FormatFloat(x, 'g', -1, 64)
}

func number(x float64) string { return strconv.FormatFloat(x, 'f', -1, 64) }

// Set gives a setting its value. The error says what it may be.
func (s *Spec) Set(name, text string) error {
	p := s.Method.Param(name)
	if p == nil {
		return fmt.Errorf("%s has no setting %s; %s", s.Method.Name, name, s.Method.settings())
	}
	x, ok := p.Read(text)
	if !ok {
		return fmt.Errorf("%q is not %s", text, p.Wants())
	}
	s.values[name] = x
	return nil
}

func (m *Method) settings() string {
	if len(m.Params) == 0 {
		return "it has none: write its name alone"
	}
	names := make([]string, len(m.Params))
	for i := range m.Params {
		names[i] = m.Params[i].Name
	}
	return "known are " + strings.Join(names, ", ")
}

// Check says what two settings have against each other.
func (s Spec) Check() error {
	if s.Method.check != nil {
		if text := s.Method.check(s.values); text != "" {
			return fmt.Errorf("%s: %s", s.Method.Name, text)
		}
	}
	return nil
}

// String is the method with all its settings: one text for one detector.
func (s Spec) String() string {
	var b strings.Builder
	b.WriteString(s.Method.Name)
	for i, p := range s.Method.Params {
		sep := ", "
		if i == 0 {
			sep = "("
		}
		b.WriteString(sep + p.Name + "=" + p.Text(s.values[p.Name]))
	}
	if len(s.Method.Params) > 0 {
		b.WriteByte(')')
	}
	return b.String()
}

// MarshalText is String, for what is told of a config.
func (s Spec) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// New makes the detector; nil for cusum, which is made from a reference.
func (s Spec) New() Detector {
	if s.Method.make == nil {
		return nil
	}
	return s.Method.make(s.values)
}
