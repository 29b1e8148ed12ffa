// Package ram tests the policies of conf/ram: that they are well formed and
// explained, and that the built plugins need exactly what they grant. It has no
// code of its own.
package ram
