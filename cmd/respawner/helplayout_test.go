package main

import "testing"

func TestHelpLayout(t *testing.T) {
	long := "a b c d e f g h i j k l m n o p q r s t u v w x y z and all of it once more, to be too long"
	for got, want := range map[string]string{
		helpText("respawner [options] x\n\na b\nc\n   as  it is\nd"): "   respawner [options] x\n\n   a b c\n      as  it is\n   d",
		helpText(long):                     "   a b c d e f g h i j k l m n o p q r s t u v w x y z and all of it once more,\n   to be too long",
		helpEntry(10, "term", "a  b\n\tc"): "   term   a b c",
		helpEntry(10, "a term", "b"):       "   a term\n          b",
		helpEntry(50, "term", long): "   term                                           a b c d e f g h i j k l m n o\n" +
			"                                                  p q r s t u v w x y z and all\n" +
			"                                                  of it once more, to be too\n" +
			"                                                  long",
	} {
		if got != want {
			t.Errorf("got:\n%s\nwant:\n%s", got, want)
		}
	}
}
