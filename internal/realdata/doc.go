// Package realdata lays out public data sets as windows beside a reference, with
// what is known of them, and judges them by the code that judges live traffic:
// for the tests, and for the report that bench/real writes. The data themselves
// are not part of the project; Dir says where they are looked for.
package realdata
