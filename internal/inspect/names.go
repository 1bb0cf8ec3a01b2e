package inspect

import (
	"slices"
	"strings"
	"unicode"
)

// Names that services commonly use, without case, _ and -; the likelier first.
var (
	timeNames    = []string{"eventtime", "eventtimestamp", "time", "timestamp", "ts", "predictiontime", "predictedat", "requesttime", "requesttimestamp", "occurredat", "datetime", "createdat", "tsms", "timestampms", "date", "at", "created", "loggedat"}
	modelNames   = []string{"model", "modelname", "modelid", "modelkey", "modeluri", "deployment", "deploymentname"}
	versionNames = []string{"version", "modelversion", "modelver", "ver", "revision", "modelrevision"}
	scoreNames   = []string{"score", "prob", "proba", "probability", "predictedprobability", "predprob", "predscore", "modelscore", "riskscore", "prediction", "predicted", "pred", "ypred", "yhat", "yprob", "yscore", "ypredproba", "confidence", "predictedvalue", "predictionvalue", "predictionscore", "forecast", "estimate"}
	classNames   = []string{"class", "predictedclass", "predictedlabel", "predictionclass", "predictionlabel", "predclass", "predlabel", "label", "decision", "outcome", "classname"}

	predictionGroups = []string{"prediction", "predictions", "inference", "modeloutput", "output", "outputs", "out", "result", "results", "response"}
	featureGroups    = []string{"features", "feature", "featurevalues", "featurevector", "inputfeatures", "modelinput", "inputs", "input", "variables", "predictors", "x", "instance", "attributes", "row", "fields", "values"}
	tagGroups        = []string{"tags", "labels", "dimensions", "segments", "segment"}
	metaGroups       = []string{"metadata", "meta", "headers", "header", "context", "trace", "tracing", "debug", "kafka", "envelope", "source"}
	tagNames         = []string{"country", "countrycode", "region", "market", "device", "devicetype", "platform", "os", "channel", "segment", "tenant", "env", "environment", "locale", "language", "lang", "browser", "appversion", "cluster", "zone", "site", "brand", "experiment", "variant", "cohort", "tier", "stage"}
	rowNames         = []string{"rows", "instances", "events", "predictions", "records", "batch", "samples", "examples", "observations"}
	columnNames      = []string{"columns", "featurenames", "names", "columnnames", "fields", "header", "schema"}
)

// norm is a key without case and separators.
func norm(key string) string {
	return strings.Map(func(r rune) rune {
		if r == '_' || r == '-' || r == ' ' || r == '@' {
			return -1
		}
		return unicode.ToLower(r)
	}, key)
}

// rank is the place of a key in a list of names, or -1.
func rank(names []string, key string) int { return slices.Index(names, norm(key)) }

func among(names []string, key string) bool { return rank(names, key) >= 0 }

// words cuts a key at separators and changes of case: userId is user, id.
func words(key string) []string {
	var out []string
	var now []rune
	flush := func() {
		if len(now) > 0 {
			out = append(out, strings.ToLower(string(now)))
		}
		now = now[:0]
	}
	lower := false
	for _, r := range key {
		switch {
		case !unicode.IsLetter(r) && !unicode.IsDigit(r):
			flush()
			lower = false
			continue
		case unicode.IsUpper(r) && lower:
			flush()
		}
		lower = !unicode.IsUpper(r)
		now = append(now, r)
	}
	flush()
	return out
}

// idWords end the names of things that are counted once each.
var idWords = []string{"id", "ids", "uuid", "guid", "uid", "hash", "token", "key", "ip", "email", "session", "traceid", "spanid"}

// isID says why a field looks like an identifier, "" when it does not.
func isID(f *field) string {
	n := f.scalars()
	if n == 0 || f.n[isBool] > 0 {
		return ""
	}
	w := words(f.last())
	named := len(w) > 0 && slices.Contains(idWords, w[len(w)-1])
	various := f.many() || f.distinct() > max(20, n/10) || n < 50
	switch {
	case named && (len(w) == 1 || various):
		return "an identifier, by its name"
	case f.mostly(isText) && n >= 50 && (f.many() || f.distinct() == n):
		return "every value differs, as identifiers and free text do"
	}
	return ""
}
