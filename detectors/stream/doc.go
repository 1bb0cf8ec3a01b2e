// Package stream has the sequential detectors: they take one value after the
// other and say when the values have changed. Eight are those of River 0.23
// (Montiel et al., River: machine learning for streaming data in Python, 2021)
// to the index at which they speak; CUSUM is driftd's own.
//
// What belongs here: the detectors, their settings (method.go), their state as
// bytes (codec.go). What does not: which value of a window they are given
// (internal/detect), whether anybody is told: nobody is, because no false alarm
// budget can be stated for River's on windows that depend on each other.
package stream
