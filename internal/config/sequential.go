package config

import (
	"slices"
	"strconv"
	"strings"

	"github.com/driftd/driftd/detectors/stream"
	"github.com/goccy/go-yaml/ast"
)

// sequentialKey is the table's key of an entry, wherever it stands.
const sequentialKey = "models.<name>.columns.<name>.sequential[]"

// sequentialKeys are the settings of the detectors.
func sequentialKeys() (ks []Key) {
	for i := range stream.Methods {
		m := &stream.Methods[i]
		if m.Events || len(m.Params) == 0 {
			continue
		}
		ks = append(ks, Key{Path: sequentialKey + "." + m.Name, Type: "mapping", Default: "its own", Meaning: "Settings of `" + m.Name + "`, as River 0.23 has them.", Example: m.Name + ": {" + m.Params[0].Name + ": " + m.Params[0].Text(m.Params[0].Default) + "}"})
		for _, p := range m.Params {
			ks = append(ks, Key{Path: sequentialKey + "." + m.Name + "." + p.Name, Type: strings.TrimPrefix(p.Wants(), "a "), Default: p.Text(p.Default), Meaning: strings.ToUpper(p.Meaning[:1]) + p.Meaning[1:] + "."})
		}
	}
	return ks
}

// sequential reads a list of detectors: names, or a name with settings.
func (f *file) sequential(v at, to *[]stream.Spec) {
	out := []stream.Spec{}
	for _, x := range f.list(v, "a list; write it as `"+example(v.key)+"`") {
		spec, ok := f.detector(x)
		if !ok {
			continue
		}
		if slices.ContainsFunc(out, func(s stream.Spec) bool { return s.Method == spec.Method }) {
			f.bad(x.node, "%s: %s is in the list twice; keep one of them", x.path, spec.Method.Name)
			continue
		}
		out = append(out, spec)
	}
	*to = out
}

func (f *file) detector(v at) (stream.Spec, bool) {
	var name string
	settings := at{path: v.path, node: ast.Null(nil)}
	if _, mapping := v.node.(*ast.MappingNode); mapping {
		ps := f.pairs(v)
		if len(ps) != 1 {
			f.bad(v.node, "%s: %d detectors in one entry; give each its own, as in `%s`", v.path, len(ps), example(strings.TrimSuffix(sequentialKey, "[]")))
			return stream.Spec{}, false
		}
		name, settings = ps[0].name, ps[0].at
	} else if f.text(v, &name); name == "" {
		return stream.Spec{}, false
	}
	m := stream.FindMethod(name)
	switch {
	case m == nil:
		f.bad(v.node, "%s: %q is no sequential detector; known are %s", v.path, name, strings.Join(stream.MethodNames(), ", "))
		return stream.Spec{}, false
	case m.Events:
		f.bad(v.node, "%s: %s counts the events from one error to the next, and windows hold no single events; use ddm or hddm_a", v.path, name)
		return stream.Spec{}, false
	}
	spec := stream.NewSpec(m)
	before := len(f.mistakes)
	if len(m.Params) == 0 && !isNull(settings.node) {
		f.bad(settings.node, "%s: %s has no settings; write its name alone", settings.path, name)
		return spec, false
	}
	settings.key = sequentialKey + "." + name
	if !isNull(settings.node) {
		f.used[settings.key] = true
		f.settings(settings, &spec)
	}
	if len(f.mistakes) > before {
		return spec, false
	}
	if err := spec.Check(); err != nil {
		f.bad(v.node, "%s: %v", v.path, err)
		return spec, false
	}
	return spec, true
}

// settings in the order of the method, so that mistakes have one.
func (f *file) settings(v at, spec *stream.Spec) {
	o := f.object(v)
	for _, p := range spec.Method.Params {
		x, ok := o[p.Name]
		if !ok {
			continue
		}
		text, ok := f.raw(x)
		if b, is := x.node.(*ast.BoolNode); is {
			text, ok = strconv.FormatBool(b.Value), true
		}
		if !ok || spec.Set(p.Name, text) != nil {
			f.wrong(x, p.Wants())
		}
	}
}
